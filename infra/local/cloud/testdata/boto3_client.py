"""What a program that knows nothing of Registrar does with boto3: DYNAMODB and SQS are the addresses of the engines."""

import os

import boto3
from botocore.exceptions import ClientError


def refused(code, call, **request):
    try:
        call(**request)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error.response
    raise AssertionError(f"{code} was expected")


account = {"region_name": "us-east-1", "aws_access_key_id": "local", "aws_secret_access_key": "local"}

dynamodb = boto3.resource("dynamodb", endpoint_url=os.environ["DYNAMODB"], **account)
table = dynamodb.create_table(
    TableName="boto3",
    BillingMode="PAY_PER_REQUEST",
    KeySchema=[{"AttributeName": "P", "KeyType": "HASH"}, {"AttributeName": "S", "KeyType": "RANGE"}],
    AttributeDefinitions=[{"AttributeName": "P", "AttributeType": "S"}, {"AttributeName": "S", "AttributeType": "N"}],
)
table.wait_until_exists()

table.put_item(Item={"P": "a", "S": 1, "left": 1}, ConditionExpression="attribute_not_exists(P)")
refused("ConditionalCheckFailedException", table.put_item, Item={"P": "a", "S": 1}, ConditionExpression="attribute_not_exists(P)")

take = {
    "Update": {
        "TableName": "boto3",
        "Key": {"P": "a", "S": 1},
        "UpdateExpression": "SET #left = #left - :one",
        "ConditionExpression": "#left >= :one",
        "ExpressionAttributeNames": {"#left": "left"},
        "ExpressionAttributeValues": {":one": 1},
    }
}
give = {"Put": {"TableName": "boto3", "Item": {"P": "a", "S": 2, "owner": "x"}}}
dynamodb.meta.client.transact_write_items(TransactItems=[take, give])
answer = refused("TransactionCanceledException", dynamodb.meta.client.transact_write_items, TransactItems=[take, give])
assert [reason["Code"] for reason in answer["CancellationReasons"]] == ["ConditionalCheckFailed", "None"], answer

page = table.query(KeyConditionExpression=boto3.dynamodb.conditions.Key("P").eq("a"))
assert page["Items"] == [{"P": "a", "S": 1, "left": 0}, {"P": "a", "S": 2, "owner": "x"}], page

queue = boto3.resource("sqs", endpoint_url=os.environ["SQS"], **account).create_queue(QueueName="boto3")
sent = queue.send_message(MessageBody="hello", MessageAttributes={"kind": {"DataType": "String", "StringValue": "greeting"}})
(message,) = queue.receive_messages(WaitTimeSeconds=1, MessageAttributeNames=["All"])
assert message.body == "hello" and message.message_id == sent["MessageId"], message
assert message.message_attributes["kind"]["StringValue"] == "greeting", message.message_attributes
assert queue.receive_messages() == []
message.delete()
queue.reload()
assert queue.attributes["ApproximateNumberOfMessagesNotVisible"] == "0", queue.attributes
