"""What a connection passes before any route sees its request: sockets, TLS, heads and bodies, keys and rates."""
