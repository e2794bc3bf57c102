"""From alarms to incidents: which cause, what evidence, who is told, when it is over."""
