"""Every choice behind the network: what our source says, what we did, what else was tried."""
