"""What the real providers refuse: one module per wire format, each from the vendor's own pages.

Rule: pure; a check finds the first flaw of a request and says it in the vendor's words. What a
check lets through, the lenient side of the simulator can answer.
"""
