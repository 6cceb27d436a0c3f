"""Restores this project's own rules and functions after a change, and the tags that switch fixes on or off."""
