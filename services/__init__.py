"""The services. Each is a package that imports `services.common`, `proto` and itself, never another service."""
