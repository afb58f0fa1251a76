"""The matching engine and its nouns: orders, accounts, fills. Pure, but for the ledger it keeps."""
