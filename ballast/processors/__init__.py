"""The payment adapters: plain data in and out, no database, no Flask. An SDK is imported only in its own adapter."""
