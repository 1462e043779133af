"""Steps of uploads, and of what comes into the data lake."""
