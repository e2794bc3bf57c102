"""What serving says of itself: metrics, traces, the worst cameras."""
