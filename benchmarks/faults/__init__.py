"""The full stack under load with faults injected, and afterwards every frame accounted for: what cameras heard, what the log holds, what was consumed."""
