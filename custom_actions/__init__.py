"""aws-guardrails' own filters and actions for Cloud Custodian.

Importing this package does nothing and costs nothing: `custom_actions.plugin` registers the elements. In the
project's environment that happens by itself (`_autoload`), in a deployed function through `lambda_entry`.
The package ships in every function's archive, so it imports only the standard library, boto3 and c7n.
"""
