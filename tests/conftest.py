"""Settings that every test shares."""
from hypothesis import settings

# A deadline would be a timing asserted in a test; a busy machine is no fault of the code.
settings.register_profile("house", deadline=None, print_blob=True)
settings.load_profile("house")
