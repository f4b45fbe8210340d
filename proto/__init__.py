"""The gRPC contracts and the stubs generated from them by `make proto`. Never edit a `*_pb2*` file by hand."""
