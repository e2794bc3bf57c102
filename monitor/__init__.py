"""Events in; verdicts, incidents and retrain requests out."""
