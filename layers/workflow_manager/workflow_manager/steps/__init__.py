"""Steps of use cases, by the noun that they are about; none knows a use case."""
