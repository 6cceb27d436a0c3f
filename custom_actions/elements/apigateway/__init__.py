"""REST APIs: whom their resource policies admit, and whether their stages encrypt cached data.

`document` reads a resource policy, `restriction` evaluates it, and `networks` describes the allowed VPCs and addresses.
`cache` plans and carries out the encryption of a cache. `elements` holds what a policy uses, and `version_two` what it
uses for HTTP and WebSocket APIs. `tracing` and `logs` change settings of stages.
"""
