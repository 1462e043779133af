"""The HTTP edge: FastAPI behind API Gateway, by Mangum."""
