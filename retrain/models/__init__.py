"""Networks and their graphs: backbones, heads, exports, sessions."""
