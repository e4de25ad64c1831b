"""Rules that other parts of the tool report: what is said of preprocessing, labels, accuracy,
latency and files. Here is what each code means; ``raised_by`` says which command reports it.
"""
