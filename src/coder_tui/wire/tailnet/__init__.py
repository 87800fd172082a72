"""Coder's tailnet RPC, sans-I/O: dRPC frames and packets, yamux sessions, protobuf messages. Both roles speak it.

`make proto` makes the `*_pb2` modules anew from the `.proto` texts beside them.
"""
