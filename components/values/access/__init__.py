"""The access proxy: who is asking, what may be asked, and the pods that answer."""
