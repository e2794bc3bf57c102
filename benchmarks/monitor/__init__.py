"""How good the monitor is: false alarms, delays, triage, estimates and cost, each beside peers and beside two dummies, one that always alarms and one that never does."""
