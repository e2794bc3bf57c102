"""Where frames wait: fair between cameras, bounded, until a worker, their deadline or their client's leaving ends it."""
