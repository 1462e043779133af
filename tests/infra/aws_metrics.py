"""What AWS's services count, by which dimensions: as far as our alarms and dashboard look at it.

Lambda's are of a function with all its versions and aliases where `Resource` is missing.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
"""

FUNCTION = frozenset({"FunctionName"})
ALIAS = frozenset({"FunctionName", "Resource"})
ACCOUNT: frozenset[str] = frozenset()
QUEUE = frozenset({"QueueName"})
API = frozenset({"ApiName"})
STAGE = frozenset({"ApiName", "Stage"})

# By namespace and name: the sets of dimensions by which it is there.
AWS_METRICS = {
    ("AWS/Lambda", "Invocations"): {FUNCTION, ALIAS, ACCOUNT},
    ("AWS/Lambda", "Errors"): {FUNCTION, ALIAS, ACCOUNT},
    ("AWS/Lambda", "Throttles"): {FUNCTION, ALIAS, ACCOUNT},
    ("AWS/Lambda", "IteratorAge"): {FUNCTION, ALIAS},
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): {QUEUE},
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): {QUEUE},
    ("AWS/ApiGateway", "Count"): {API, STAGE},
    ("AWS/ApiGateway", "4XXError"): {API, STAGE},
    ("AWS/ApiGateway", "5XXError"): {API, STAGE},
    ("AWS/ApiGateway", "Latency"): {API, STAGE},
}
