"""A registered model behind an API: the Open Inference Protocol for programs, `/predict` and `/transform` for people.

doors     who may come in: Host, Origin, token, size and type of a body
records   rows as JSON objects, and answers beside them
tensors   rows as the tensors of the Open Inference Protocol
app       the routes; the one place that knows which model a request means
document  what the routes take and give, as an OpenAPI document with the model's own columns
server    the port, the threads, and an end at which nobody is left without an answer
"""
