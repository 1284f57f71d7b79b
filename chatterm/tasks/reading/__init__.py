"""Documents read in parts, and the parts' replies put together: by code wherever code can."""
