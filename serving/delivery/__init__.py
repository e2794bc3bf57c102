"""Events on their way to the log: journalled before the answer, spooled while the log is away."""
