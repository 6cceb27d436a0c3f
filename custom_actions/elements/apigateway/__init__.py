"""REST APIs: who their resource policies let in, and whether what their stages cache is encrypted.

`document` reads a resource policy, `restriction` decides, `networks` (VPCs, addresses) says to what callers must be
limited, `cache` plans and carries out the encryption of a cache, and `elements` is what a policy sees.
"""
