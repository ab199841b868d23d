"""Starts MiniStack with what it lacks of AWS for this project: .ci/tools/ministack runs it.

What a policy allows, MiniStack decides, as it came: its matching of actions, resources and conditions is untouched. This
tells its evaluator three facts about requests that AWS documents, and that MiniStack 1.5.33 does not know:

- dynamodb:LeadingKeys, the partition keys that a request names (DynamoDB developer guide, "Using IAM policy conditions
  for fine-grained access control"): of a query on an index the index's key, of a transaction each item's own
  ("Using IAM with DynamoDB transactions": each is authorized as the operation that it would be by itself).
- ses:FromAddress, the address that a mail comes from, and that to send it is allowed or not on the identity, the
  address's domain here, and on the configuration set that it names (Service Authorization Reference, "Actions,
  resources, and condition keys for Amazon Simple Email Service v2"); MiniStack asks for the resource "*".
- that a batch of SQS is allowed by the action for a single message (SQS developer guide, "Amazon SQS API permissions":
  there is no action SendMessageBatch).

And CloudFormation there refuses alarms of metric math. Nobody raises alarms there anyway, so such an alarm stands on the
first of its metrics.
"""

import contextvars
import json
import re
from email.utils import parseaddr

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id
from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners

SQS_BATCHES = {"sqs:" + action + "Batch": "sqs:" + action
               for action in ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")}

extract_iam_action = iam_actions.extract_iam_action
dynamodb_service_context = iam_actions.dynamodb_service_context
dynamodb_transaction_checks = iam_actions.dynamodb_transaction_checks
enforce = iam_evaluator.enforce
alarm_record = provisioners._cw_metric_alarm_record

mail = contextvars.ContextVar("mail", default={})
items = contextvars.ContextVar("items", default=iter(()))


def read(body):
    try:
        data = json.loads(body or b"{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def partition_key(table, index=None):
    """The name of the partition key of a table or an index, or None."""
    found = dynamodb._tables.get(table.rsplit("/", 1)[-1]) or {}
    if index is None:
        return found.get("pk_name")
    for one in found.get("GlobalSecondaryIndexes") or []:
        if one["IndexName"] == index:
            return next(k["AttributeName"] for k in one["KeySchema"] if k["KeyType"] == "HASH")
    return None


def value(attribute):
    """A key's value as a policy compares it."""
    return next(iter(attribute.values())) if isinstance(attribute, dict) and attribute else None


def keys_of(table, maps):
    """The partition keys of items or of keys of items."""
    name = partition_key(table)
    return [v for v in (value(m.get(name)) for m in maps if isinstance(m, dict)) if v is not None]


def queried(data):
    """The partition key that a query is for."""
    name = partition_key(data["TableName"], data.get("IndexName"))
    names, values = data.get("ExpressionAttributeNames") or {}, data.get("ExpressionAttributeValues") or {}
    for path, placeholder in re.findall(r"(#?\w+)\s*=\s*(:\w+)", data.get("KeyConditionExpression") or ""):
        if names.get(path, path) == name:
            return [value(values[placeholder])]
    return []


def leading_keys(data):
    """dynamodb:LeadingKeys of a request that is no transaction; empty when it names no key, as a scan names none."""
    table = data.get("TableName")
    if isinstance(table, str) and "KeyConditionExpression" in data:
        return queried(data)
    if isinstance(table, str):
        return keys_of(table, [data.get("Key") or data.get("Item")])
    found = []
    for table, asked in (data.get("RequestItems") or {}).items():
        if isinstance(asked, dict):
            found += keys_of(table, asked.get("Keys") or [])
        else:
            found += keys_of(table, [r["PutRequest"]["Item"] if "PutRequest" in r else r["DeleteRequest"]["Key"]
                                     for r in asked])
    return found


def action_of(service, method, path, headers, body, query_params):
    if service == "ses":
        mail.set(read(body))
    action = extract_iam_action(service, method, path, headers, body, query_params)
    return SQS_BATCHES.get(action, action)


def context_of(body):
    context = dynamodb_service_context(body)
    keys = leading_keys(read(body))
    return {**context, "dynamodb:LeadingKeys": keys} if keys else context


def checks_of(action, body, region, account_id):
    """The checks of a transaction, one for each item; their keys are kept for enforce_one, in the same order."""
    checks = dynamodb_transaction_checks(action, body, region, account_id)
    keys = []
    for item in read(body).get("TransactItems") or []:
        for member in iam_actions._DYNAMODB_TRANSACT_ITEM_ACTIONS:
            if member in item:
                keys.append(keys_of(item[member]["TableName"], [item[member].get("Key") or item[member].get("Item")]))
    items.set(iter(keys))
    return checks


def enforce_one(access_key, action, service, region, resource_arn="*", service_context=None):
    context, resources = dict(service_context or {}), [resource_arn]
    if service == "dynamodb" and "dynamodb:EnclosingOperation" in context:
        context["dynamodb:LeadingKeys"] = next(items.get())
    if action == "ses:SendEmail":
        address = parseaddr(mail.get().get("FromEmailAddress") or "")[1]
        context["ses:FromAddress"] = address
        things = ["identity/" + address.rpartition("@")[2]]
        if mail.get().get("ConfigurationSetName"):
            things.append("configuration-set/" + mail.get()["ConfigurationSetName"])
        resources = [f"arn:aws:ses:{region}:{get_account_id()}:{thing}" for thing in things]
    for resource in resources:
        if denied := enforce(access_key, action, service, region, resource_arn=resource, service_context=context):
            return denied
    return None


def alarm_of(name, properties):
    metrics = [m["MetricStat"] for m in properties.get("Metrics") or [] if "MetricStat" in m]
    if metrics:
        first = {**metrics[0]["Metric"], "Period": metrics[0]["Period"], "Statistic": metrics[0]["Stat"]}
        properties = {k: v for k, v in properties.items() if k != "Metrics"} | first
    return alarm_record(name, properties)


iam_actions.extract_iam_action = action_of
iam_actions.dynamodb_service_context = context_of
iam_actions.dynamodb_transaction_checks = checks_of
iam_evaluator.enforce = enforce_one
provisioners._cw_metric_alarm_record = alarm_of

if __name__ == "__main__":
    app.main()
