"""Creates the stacks of some templates in moto's CloudFormation, and says what moto lacks for it.

Usage: create_stacks.py <template file>...  in the order in which they would be deployed; prints one JSON document.
Exits with 1 if a stack is not created whole, or if moto lacks more or less than LACKS says.
"""

import io
import json
import logging
import os
import sys
import warnings
import zipfile
from pathlib import Path

ACCOUNT = "111122223333"
REGION = "eu-west-2"
os.environ.update(
    AWS_ACCESS_KEY_ID="none",
    AWS_SECRET_ACCESS_KEY="none",
    AWS_DEFAULT_REGION=REGION,
    MOTO_ACCOUNT_ID=ACCOUNT,
)

import boto3  # noqa: E402
from moto import mock_aws  # noqa: E402
from moto.cloudformation.parsing import get_model_map  # noqa: E402

# Types without a model in this version of moto. Whoever moves to another version strikes out what has come.
LACKS = set("""
AWS::ApiGatewayV2::Api AWS::ApiGatewayV2::ApiMapping AWS::ApiGatewayV2::DomainName AWS::ApiGatewayV2::Integration
AWS::ApiGatewayV2::Route AWS::ApiGatewayV2::Stage
AWS::CloudWatch::Alarm AWS::CodeDeploy::Application AWS::CodeDeploy::DeploymentGroup AWS::Lambda::Alias
AWS::Lambda::EventInvokeConfig AWS::Logs::MetricFilter
AWS::RolesAnywhere::CRL AWS::RolesAnywhere::Profile AWS::RolesAnywhere::TrustAnchor
AWS::SNS::Subscription AWS::SNS::TopicPolicy AWS::SQS::QueuePolicy
""".split())

# What has a model that does not take all that CloudFormation takes.
FALLS_SHORT = {"AWS::KMS::Key": "Tags, which it expects as TagKey and TagValue"}


def main(files: list[Path]) -> int:
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    templates = {file.name.removesuffix(".template.json"): json.loads(file.read_text()) for file in files}
    with mock_aws():
        bootstrap(templates.values())
        stacks = [create(name, template) for name, template in templates.items()]
    lacking = {type_ for stack in stacks for type_ in stack["lacking"]}
    faults = [fault for stack in stacks for fault in stack["faults"]]
    faults += [f"moto lacks {type_}: say so in LACKS" for type_ in sorted(lacking - LACKS)]
    faults += [f"moto no longer lacks {type_}: strike it out of LACKS" for type_ in sorted(LACKS - lacking)]
    print(json.dumps({"stacks": stacks, "lacks": sorted(lacking), "fallsShort": FALLS_SHORT, "faults": faults}))
    return 1 if faults else 0


def bootstrap(templates) -> None:
    """What `cdk bootstrap` and the publishing of assets leave behind."""
    boto3.client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String")
    s3 = boto3.client("s3")
    bucket = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("index.mjs", "")
    for template in templates:
        for resource in template["Resources"].values():
            if key := resource.get("Properties", {}).get("Code", {}).get("S3Key"):
                s3.put_object(Bucket=bucket, Key=key, Body=archive.getvalue())


def host(template: dict) -> dict[str, str]:
    """The zones that its records go into, which an operator has already, by the ids that moto gives them."""
    route53 = boto3.client("route53")
    zones = {}
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Route53::RecordSet":
            zone = route53.create_hosted_zone(Name=resource["Properties"]["Name"], CallerReference="check")
            zones[resource["Properties"]["HostedZoneId"]] = zone["HostedZone"]["Id"].removeprefix("/hostedzone/")
    return zones


def create(name: str, template: dict) -> dict:
    wanted = adapt(template)
    for zone, made in host(template).items():
        wanted = json.loads(json.dumps(wanted).replace(zone, made))
    cloudformation = boto3.client("cloudformation")
    faults = []
    try:
        cloudformation.create_stack(
            StackName=name, TemplateBody=json.dumps(wanted), Capabilities=["CAPABILITY_NAMED_IAM"]
        )
        status = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        if status != "CREATE_COMPLETE":
            faults.append(f"{name}: {status}")
        made = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        missing = set(wanted["Resources"]) - {resource["LogicalResourceId"] for resource in made}
        faults += [f"{name}: {resource} was not made" for resource in sorted(missing)]
    except Exception as error:  # moto raises whatever it trips over
        faults.append(f"{name}: {type(error).__name__}: {error}")
    return {
        "name": name,
        "created": len(wanted["Resources"]),
        "resources": len(template["Resources"]),
        "lacking": sorted(types(template) - set(get_model_map())),
        "faults": faults,
    }


def types(template: dict) -> set[str]:
    return {resource["Type"] for resource in template["Resources"].values()}


def adapt(template: dict) -> dict:
    """A copy without what moto cannot create. An alias of a function becomes the function; other references, plain text."""
    gone = {
        name: {"Fn::GetAtt": [resource["Properties"]["FunctionName"]["Ref"], "Arn"]}
        if resource["Type"] == "AWS::Lambda::Alias"
        else name
        for name, resource in template["Resources"].items()
        if resource["Type"] not in get_model_map()
    }
    resources = {name: resource for name, resource in template["Resources"].items() if name not in gone}
    copy = stand_in({**template, "Resources": resources}, gone)
    for resource in copy["Resources"].values():
        resource["DependsOn"] = [name for name in listed(resource.get("DependsOn", [])) if name not in gone]
        if resource["Type"] == "AWS::KMS::Key":
            resource["Properties"].pop("Tags", None)
    return copy


def listed(value) -> list:
    return value if isinstance(value, list) else [value]


def stand_in(value, gone: dict):
    if isinstance(value, list):
        return [stand_in(inner, gone) for inner in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((function, argument),) = value.items()
        name = str(listed(argument)[0]).split(".")[0]
        if function in ("Ref", "Fn::GetAtt") and name in gone:
            return gone[name]
    return {key: stand_in(inner, gone) for key, inner in value.items()}


if __name__ == "__main__":
    sys.exit(main([Path(argument) for argument in sys.argv[1:]]))
