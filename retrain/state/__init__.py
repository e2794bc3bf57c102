"""Where the service's memory lies: one database, its tables, the ledger and the journal."""
