"""The use cases, one a file, each under the name of its function; their steps are in `steps`."""
