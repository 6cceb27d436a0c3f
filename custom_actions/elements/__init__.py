"""Our filters and actions, by the AWS service that they are about, as c7n's own `resources/`."""
