"""Commands that deploy to AWS, look after a deployment, and remove it."""
