"""How good the monitor is, beside its peers and beside two dummies: one that always alarms and one that never does."""
