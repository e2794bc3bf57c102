"""The report of an incident: the data behind it laid out by Evidently, in a child process, on a page that the incident links to. No verdict rests on it."""
