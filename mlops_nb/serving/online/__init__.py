"""A registered model behind an API: the Open Inference Protocol for programs, `/predict` and `/transform` for people.

server     the port, the threads, and an end at which nobody is left without an answer
doors      who may come in: Host, Origin, token, size and type of a body
token      the secret that a request shows
app        the routes; the one place that knows which model a request means
records    rows as JSON objects, and answers beside them
tensors    rows as the tensors of the Open Inference Protocol
asking     what both do: judge the rows, ask the model
document   what the routes take and give, as an OpenAPI document with the model's own columns
json_text  JSON in and out, every number to the last bit
refusals   why a request is not answered, each with its code and status
"""
