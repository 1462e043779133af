"""What deploys to AWS, looks after a deployment, and removes it."""
