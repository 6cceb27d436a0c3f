"""The ARN of every resource type that our policies use, as AWS documents it, in each partition."""
from __future__ import annotations

import json
import re
from typing import Any

import pytest

from custom_actions.resources.identity import resource_arn, resource_id
from guardrails.policies.engine import resource_class
from guardrails.policies.policy import load

ME = "111111111111"
LOAD_BALANCER = "arn:{p}:elasticloadbalancing:{r}:111111111111:loadbalancer/app/web/50dc6c495c0c9188"
# Type: a resource as AWS describes it (and c7n adds to it), its id, and its ARN with {p} for the partition and {r} for
# the region. From the Service Authorization Reference.
KNOWN: dict[str, tuple[dict[str, Any], str, str]] = {
    "aws.account": ({"account_id": ME, "account_name": "red"}, ME, "arn:{p}:iam::111111111111:root"),
    # Images and snapshots may be anybody's: their ARNs have no account.
    "aws.ami": ({"ImageId": "ami-1", "OwnerId": ME}, "ami-1", "arn:{p}:ec2:{r}::image/ami-1"),
    "aws.app-elb": ({"LoadBalancerArn": LOAD_BALANCER, "LoadBalancerName": "web"}, LOAD_BALANCER, LOAD_BALANCER),
    "aws.app-elb-target-group": (
        {"TargetGroupName": "g", "TargetGroupArn": "arn:{p}:elasticloadbalancing:{r}:111111111111:targetgroup/g/1"},
        "arn:{p}:elasticloadbalancing:{r}:111111111111:targetgroup/g/1",
        "arn:{p}:elasticloadbalancing:{r}:111111111111:targetgroup/g/1"),
    "aws.asg": (
        {"AutoScalingGroupName": "g",
         "AutoScalingGroupARN": "arn:{p}:autoscaling:{r}:111111111111:autoScalingGroup:u:autoScalingGroupName/g"},
        "g", "arn:{p}:autoscaling:{r}:111111111111:autoScalingGroup:u:autoScalingGroupName/g"),
    "aws.cfn": (
        {"StackName": "s", "StackId": "arn:{p}:cloudformation:{r}:111111111111:stack/s/u"},
        "s", "arn:{p}:cloudformation:{r}:111111111111:stack/s/u"),
    "aws.cloudtrail": (
        {"Name": "all", "TrailARN": "arn:{p}:cloudtrail:{r}:111111111111:trail/all"},
        "arn:{p}:cloudtrail:{r}:111111111111:trail/all", "arn:{p}:cloudtrail:{r}:111111111111:trail/all"),
    "aws.dynamodb-table": (
        {"TableName": "t", "TableArn": "arn:{p}:dynamodb:{r}:111111111111:table/t"},
        "t", "arn:{p}:dynamodb:{r}:111111111111:table/t"),
    "aws.ebs": ({"VolumeId": "vol-1"}, "vol-1", "arn:{p}:ec2:{r}:111111111111:volume/vol-1"),
    "aws.ebs-snapshot": ({"SnapshotId": "snap-1", "OwnerId": ME}, "snap-1", "arn:{p}:ec2:{r}::snapshot/snap-1"),
    "aws.ec2": (
        {"InstanceId": "i-1", "IamInstanceProfile": {"Arn": "arn:aws:iam::1:instance-profile/p"}},
        "i-1", "arn:{p}:ec2:{r}:111111111111:instance/i-1"),
    "aws.ecr": (
        {"repositoryName": "web", "repositoryArn": "arn:{p}:ecr:{r}:111111111111:repository/web"},
        "web", "arn:{p}:ecr:{r}:111111111111:repository/web"),
    "aws.ecs": (
        {"clusterName": "c", "clusterArn": "arn:{p}:ecs:{r}:111111111111:cluster/c"},
        "arn:{p}:ecs:{r}:111111111111:cluster/c", "arn:{p}:ecs:{r}:111111111111:cluster/c"),
    "aws.ecs-service": (
        {"serviceName": "s", "serviceArn": "arn:{p}:ecs:{r}:111111111111:service/c/s"},
        "arn:{p}:ecs:{r}:111111111111:service/c/s", "arn:{p}:ecs:{r}:111111111111:service/c/s"),
    "aws.efs": (
        {"FileSystemId": "fs-1", "FileSystemArn": "arn:{p}:elasticfilesystem:{r}:111111111111:file-system/fs-1"},
        "fs-1", "arn:{p}:elasticfilesystem:{r}:111111111111:file-system/fs-1"),
    "aws.eks-nodegroup": (
        {"nodegroupName": "n", "nodegroupArn": "arn:{p}:eks:{r}:111111111111:nodegroup/k/n/u"},
        "arn:{p}:eks:{r}:111111111111:nodegroup/k/n/u", "arn:{p}:eks:{r}:111111111111:nodegroup/k/n/u"),
    "aws.elasticbeanstalk-environment": (
        {"EnvironmentName": "e", "EnvironmentArn": "arn:{p}:elasticbeanstalk:{r}:111111111111:environment/a/e"},
        "e", "arn:{p}:elasticbeanstalk:{r}:111111111111:environment/a/e"),
    "aws.elb": (
        {"LoadBalancerName": "web", "DNSName": "web-1.eu-west-1.elb.amazonaws.com"},
        "web", "arn:{p}:elasticloadbalancing:{r}:111111111111:loadbalancer/web"),
    "aws.emr": (
        {"Id": "j-1", "Name": "c", "ClusterArn": "arn:{p}:elasticmapreduce:{r}:111111111111:cluster/j-1"},
        "j-1", "arn:{p}:elasticmapreduce:{r}:111111111111:cluster/j-1"),
    "aws.eni": (
        {"NetworkInterfaceId": "eni-1"}, "eni-1", "arn:{p}:ec2:{r}:111111111111:network-interface/eni-1"),
    "aws.iam-group": (
        {"GroupName": "g", "Path": "/a/", "Arn": "arn:{p}:iam::111111111111:group/a/g"},
        "g", "arn:{p}:iam::111111111111:group/a/g"),
    "aws.iam-policy": (
        {"PolicyId": "ANPA1", "PolicyName": "n", "Path": "/", "Arn": "arn:{p}:iam::111111111111:policy/n"},
        "ANPA1", "arn:{p}:iam::111111111111:policy/n"),
    "aws.iam-role": ({"RoleName": "r", "Path": "/svc/"}, "r", "arn:{p}:iam::111111111111:role/svc/r"),
    "aws.iam-user": ({"UserName": "ann"}, "ann", "arn:{p}:iam::111111111111:user/ann"),
    "aws.kms-key": (
        {"KeyId": "k", "Arn": "arn:{p}:kms:{r}:111111111111:key/k"}, "k", "arn:{p}:kms:{r}:111111111111:key/k"),
    "aws.lambda": (
        {"FunctionName": "f", "FunctionArn": "arn:{p}:lambda:{r}:111111111111:function:f"},
        "f", "arn:{p}:lambda:{r}:111111111111:function:f"),
    "aws.launch-config": (
        {"LaunchConfigurationName": "c",
         "LaunchConfigurationARN": "arn:{p}:autoscaling:{r}:111111111111:launchConfiguration:u:name/c"},
        "c", "arn:{p}:autoscaling:{r}:111111111111:launchConfiguration:u:name/c"),
    "aws.launch-template-version": (
        {"LaunchTemplateId": "lt-1", "VersionNumber": 2},
        "lt-1", "arn:{p}:ec2:{r}:111111111111:launch-template/lt-1/2"),
    "aws.rds": (
        {"DBInstanceIdentifier": "db", "DBInstanceArn": "arn:{p}:rds:{r}:111111111111:db:db"},
        "db", "arn:{p}:rds:{r}:111111111111:db:db"),
    "aws.rds-cluster-snapshot": (
        {"DBClusterSnapshotIdentifier": "s",
         "DBClusterSnapshotArn": "arn:{p}:rds:{r}:111111111111:cluster-snapshot:s"},
        "s", "arn:{p}:rds:{r}:111111111111:cluster-snapshot:s"),
    # An automated one has a separator in its name.
    "aws.rds-snapshot": (
        {"DBSnapshotIdentifier": "rds:db-2026-11-24"}, "rds:db-2026-11-24",
        "arn:{p}:rds:{r}:111111111111:snapshot:rds:db-2026-11-24"),
    "aws.rest-api": ({"id": "a1", "name": "n"}, "a1", "arn:{p}:apigateway:{r}::/restapis/a1"),
    "aws.rest-stage": (
        {"deploymentId": "d1", "stageName": "prod", "restApiId": "a1"},
        "a1/prod", "arn:{p}:apigateway:{r}::/restapis/a1/stages/prod"),
    "aws.route-table": ({"RouteTableId": "rtb-1"}, "rtb-1", "arn:{p}:ec2:{r}:111111111111:route-table/rtb-1"),
    "aws.s3": ({"Name": "b", "CreationDate": "2026"}, "b", "arn:{p}:s3:::b"),
    # The end of its ARN is random.
    "aws.secrets-manager": (
        {"Name": "s", "ARN": "arn:{p}:secretsmanager:{r}:111111111111:secret:s-AbCdEf"},
        "s", "arn:{p}:secretsmanager:{r}:111111111111:secret:s-AbCdEf"),
    "aws.security-group": (
        {"GroupId": "sg-1", "VpcId": "vpc-1"}, "sg-1", "arn:{p}:ec2:{r}:111111111111:security-group/sg-1"),
    "aws.sns": (
        {"TopicArn": "arn:{p}:sns:{r}:111111111111:t"},
        "arn:{p}:sns:{r}:111111111111:t", "arn:{p}:sns:{r}:111111111111:t"),
    "aws.sqs": (
        {"QueueUrl": "https://sqs.{r}.amazonaws.com/111111111111/q", "QueueArn": "arn:{p}:sqs:{r}:111111111111:q"},
        "https://sqs.{r}.amazonaws.com/111111111111/q", "arn:{p}:sqs:{r}:111111111111:q"),
    "aws.subnet": (
        {"SubnetId": "subnet-1", "VpcId": "vpc-1", "SubnetArn": "arn:{p}:ec2:{r}:111111111111:subnet/subnet-1"},
        "subnet-1", "arn:{p}:ec2:{r}:111111111111:subnet/subnet-1"),
    "aws.cache-cluster": (
        {"CacheClusterId": "c", "ARN": "arn:{p}:elasticache:{r}:111111111111:cluster:c"},
        "c", "arn:{p}:elasticache:{r}:111111111111:cluster:c"),
    "aws.codebuild": (
        {"name": "b", "arn": "arn:{p}:codebuild:{r}:111111111111:project/b"},
        "b", "arn:{p}:codebuild:{r}:111111111111:project/b"),
    "aws.dms-instance": (
        {"ReplicationInstanceIdentifier": "i", "ReplicationInstanceArn": "arn:{p}:dms:{r}:111111111111:rep:ABC"},
        "i", "arn:{p}:dms:{r}:111111111111:rep:ABC"),
    "aws.ecs-task-definition": (
        {"family": "t", "taskDefinitionArn": "arn:{p}:ecs:{r}:111111111111:task-definition/t:1"},
        "arn:{p}:ecs:{r}:111111111111:task-definition/t:1", "arn:{p}:ecs:{r}:111111111111:task-definition/t:1"),
    "aws.eks": (
        {"name": "k", "arn": "arn:{p}:eks:{r}:111111111111:cluster/k"},
        "k", "arn:{p}:eks:{r}:111111111111:cluster/k"),
    "aws.elasticache-group": (
        {"ReplicationGroupId": "g", "ARN": "arn:{p}:elasticache:{r}:111111111111:replicationgroup:g"},
        "g", "arn:{p}:elasticache:{r}:111111111111:replicationgroup:g"),
    "aws.iam-certificate": (
        {"ServerCertificateName": "c", "Arn": "arn:{p}:iam::111111111111:server-certificate/a/c"},
        "c", "arn:{p}:iam::111111111111:server-certificate/a/c"),
    "aws.network-acl": (
        {"NetworkAclId": "acl-1", "VpcId": "vpc-1"},
        "acl-1", "arn:{p}:ec2:{r}:111111111111:network-acl/acl-1"),
    "aws.redshift": (
        {"ClusterIdentifier": "main"},
        "main", "arn:{p}:redshift:{r}:111111111111:cluster:main"),
    "aws.bedrock-agentcore-browser": (
        {"browserId": "b-1", "browserArn": "arn:{p}:bedrock-agentcore:{r}:111111111111:browser-custom/b-1"},
        "b-1", "arn:{p}:bedrock-agentcore:{r}:111111111111:browser-custom/b-1"),
    "aws.bedrock-agentcore-gateway": (
        {"gatewayId": "g-1", "name": "n"}, "g-1", "arn:{p}:bedrock-agentcore:{r}:111111111111:gateway/g-1"),
    "aws.bedrock-agentcore-runtime": (
        {"agentRuntimeId": "a-1", "agentRuntimeArn": "arn:{p}:bedrock-agentcore:{r}:111111111111:runtime/a-1"},
        "a-1", "arn:{p}:bedrock-agentcore:{r}:111111111111:runtime/a-1"),
    "aws.codebuild-report-group": (
        {"name": "b", "arn": "arn:{p}:codebuild:{r}:111111111111:report-group/b"},
        "arn:{p}:codebuild:{r}:111111111111:report-group/b", "arn:{p}:codebuild:{r}:111111111111:report-group/b"),
    "aws.kafka-connector": (
        {"connectorName": "c", "connectorArn": "arn:{p}:kafkaconnect:{r}:111111111111:connector/c/1"},
        "arn:{p}:kafkaconnect:{r}:111111111111:connector/c/1", "arn:{p}:kafkaconnect:{r}:111111111111:connector/c/1"),
    "aws.sagemaker-feature-group": (
        {"FeatureGroupName": "f", "FeatureGroupArn": "arn:{p}:sagemaker:{r}:111111111111:feature-group/f"},
        "arn:{p}:sagemaker:{r}:111111111111:feature-group/f", "arn:{p}:sagemaker:{r}:111111111111:feature-group/f"),
    "aws.sagemaker-monitoring-schedule": (
        {"MonitoringScheduleName": "s",
         "MonitoringScheduleArn": "arn:{p}:sagemaker:{r}:111111111111:monitoring-schedule/s"},
        "arn:{p}:sagemaker:{r}:111111111111:monitoring-schedule/s",
        "arn:{p}:sagemaker:{r}:111111111111:monitoring-schedule/s"),
    # The ends of both ARNs are random.
    "aws.redshift-serverless-namespace": (
        {"namespaceName": "n", "namespaceArn": "arn:{p}:redshift-serverless:{r}:111111111111:namespace/u"},
        "n", "arn:{p}:redshift-serverless:{r}:111111111111:namespace/u"),
    "aws.redshift-serverless-workgroup": (
        {"workgroupName": "w", "workgroupArn": "arn:{p}:redshift-serverless:{r}:111111111111:workgroup/u"},
        "w", "arn:{p}:redshift-serverless:{r}:111111111111:workgroup/u"),
    "aws.sagemaker-data-quality-job-definition": (
        {"JobDefinitionName": "n",
         "JobDefinitionArn": "arn:{p}:sagemaker:{r}:111111111111:data-quality-job-definition/n"},
        "arn:{p}:sagemaker:{r}:111111111111:data-quality-job-definition/n",
        "arn:{p}:sagemaker:{r}:111111111111:data-quality-job-definition/n"),
    "aws.sagemaker-endpoint-config": (
        {"EndpointConfigName": "n", "EndpointConfigArn": "arn:{p}:sagemaker:{r}:111111111111:endpoint-config/n"},
        "arn:{p}:sagemaker:{r}:111111111111:endpoint-config/n",
        "arn:{p}:sagemaker:{r}:111111111111:endpoint-config/n"),
    "aws.sagemaker-model": (
        {"ModelName": "n", "ModelArn": "arn:{p}:sagemaker:{r}:111111111111:model/n"},
        "arn:{p}:sagemaker:{r}:111111111111:model/n",
        "arn:{p}:sagemaker:{r}:111111111111:model/n"),
    "aws.sagemaker-model-bias-job-definition": (
        {"JobDefinitionName": "n",
         "JobDefinitionArn": "arn:{p}:sagemaker:{r}:111111111111:model-bias-job-definition/n"},
        "arn:{p}:sagemaker:{r}:111111111111:model-bias-job-definition/n",
        "arn:{p}:sagemaker:{r}:111111111111:model-bias-job-definition/n"),
    "aws.sagemaker-model-explainability-job-definition": (
        {"JobDefinitionName": "n",
         "JobDefinitionArn": "arn:{p}:sagemaker:{r}:111111111111:model-explainability-job-definition/n"},
        "arn:{p}:sagemaker:{r}:111111111111:model-explainability-job-definition/n",
        "arn:{p}:sagemaker:{r}:111111111111:model-explainability-job-definition/n"),
    "aws.sagemaker-model-quality-job-definition": (
        {"JobDefinitionName": "n",
         "JobDefinitionArn": "arn:{p}:sagemaker:{r}:111111111111:model-quality-job-definition/n"},
        "arn:{p}:sagemaker:{r}:111111111111:model-quality-job-definition/n",
        "arn:{p}:sagemaker:{r}:111111111111:model-quality-job-definition/n"),
    "aws.catalog-portfolio": (
        {"Id": "port-1", "ARN": "arn:{p}:catalog:{r}:111111111111:portfolio/port-1"},
        "port-1", "arn:{p}:catalog:{r}:111111111111:portfolio/port-1"),
    "aws.datasync-task": (
        {"Name": "t", "TaskArn": "arn:{p}:datasync:{r}:111111111111:task/task-1"},
        "arn:{p}:datasync:{r}:111111111111:task/task-1", "arn:{p}:datasync:{r}:111111111111:task/task-1"),
    "aws.glue-job": ({"Name": "j"}, "j", "arn:{p}:glue:{r}:111111111111:job/j"),
    "aws.glue-ml-transform": (
        {"TransformId": "tfm-1", "Name": "n"}, "tfm-1", "arn:{p}:glue:{r}:111111111111:mlTransform/tfm-1"),
    "aws.s3-access-point": (
        {"Name": "n", "AccessPointArn": "arn:{p}:s3:{r}:111111111111:accesspoint/n"},
        "n", "arn:{p}:s3:{r}:111111111111:accesspoint/n"),
    "aws.sagemaker-notebook": (
        {"NotebookInstanceName": "n", "NotebookInstanceArn": "arn:{p}:sagemaker:{r}:111111111111:notebook-instance/n"},
        "arn:{p}:sagemaker:{r}:111111111111:notebook-instance/n",
        "arn:{p}:sagemaker:{r}:111111111111:notebook-instance/n"),
    "aws.transit-gateway": (
        {"TransitGatewayId": "tgw-1", "TransitGatewayArn": "arn:{p}:ec2:{r}:111111111111:transit-gateway/tgw-1"},
        "tgw-1", "arn:{p}:ec2:{r}:111111111111:transit-gateway/tgw-1"),
    "aws.distribution": (
        {"Id": "E1", "ARN": "arn:{p}:cloudfront::111111111111:distribution/E1"},
        "E1", "arn:{p}:cloudfront::111111111111:distribution/E1"),
    "aws.acm-certificate": (
        {"DomainName": "example.com", "CertificateArn": "arn:{p}:acm:{r}:111111111111:certificate/c"},
        "arn:{p}:acm:{r}:111111111111:certificate/c", "arn:{p}:acm:{r}:111111111111:certificate/c"),
    "aws.graphql-api": (
        {"apiId": "a1", "name": "n", "arn": "arn:{p}:appsync:{r}:111111111111:apis/a1"},
        "a1", "arn:{p}:appsync:{r}:111111111111:apis/a1"),
    "aws.user-pool": (
        {"Id": "u_1", "Name": "n", "Arn": "arn:{p}:cognito-idp:{r}:111111111111:userpool/u_1"},
        "u_1", "arn:{p}:cognito-idp:{r}:111111111111:userpool/u_1"),
    "aws.identity-pool": (
        {"IdentityPoolId": "r:1", "IdentityPoolName": "n"},
        "r:1", "arn:{p}:cognito-identity:{r}:111111111111:identitypool/r:1"),
    "aws.apigwv2-route": (
        {"RouteId": "r1", "RouteKey": "GET /", "c7n:parent-id": "a1"},
        "r1", "arn:{p}:apigateway:{r}::/apis/a1/routes/r1"),
    "aws.apigwv2-stage": (
        {"StageName": "prod", "c7n:parent-id": "a1"},
        "a1/prod", "arn:{p}:apigateway:{r}::/apis/a1/stages/prod"),
    "aws.apigw-domain-name": (
        {"domainName": "api.example.com"},
        "api.example.com", "arn:{p}:apigateway:{r}::/domainnames/api.example.com"),
    "aws.step-machine": (
        {"name": "m", "stateMachineArn": "arn:{p}:states:{r}:111111111111:stateMachine:m"},
        "arn:{p}:states:{r}:111111111111:stateMachine:m", "arn:{p}:states:{r}:111111111111:stateMachine:m"),
    "aws.firewall": (
        {"FirewallName": "f", "FirewallArn": "arn:{p}:network-firewall:{r}:111111111111:firewall/f"},
        "f", "arn:{p}:network-firewall:{r}:111111111111:firewall/f"),
    "aws.network-firewall-policy": (
        {"Name": "p", "Arn": "arn:{p}:network-firewall:{r}:111111111111:firewall-policy/p"},
        "arn:{p}:network-firewall:{r}:111111111111:firewall-policy/p",
        "arn:{p}:network-firewall:{r}:111111111111:firewall-policy/p"),
    "aws.network-firewall-rule-group": (
        {"Name": "g", "Arn": "arn:{p}:network-firewall:{r}:111111111111:stateless-rulegroup/g"},
        "arn:{p}:network-firewall:{r}:111111111111:stateless-rulegroup/g",
        "arn:{p}:network-firewall:{r}:111111111111:stateless-rulegroup/g"),
    "aws.ecs-capacity-provider": (
        {"name": "c", "capacityProviderArn": "arn:{p}:ecs:{r}:111111111111:capacity-provider/c"},
        "arn:{p}:ecs:{r}:111111111111:capacity-provider/c", "arn:{p}:ecs:{r}:111111111111:capacity-provider/c"),
    "aws.event-bus": (
        {"Name": "b", "Arn": "arn:{p}:events:{r}:111111111111:event-bus/b"},
        "b", "arn:{p}:events:{r}:111111111111:event-bus/b"),
    "aws.athena-work-group": (
        {"Name": "w", "State": "ENABLED"},
        "w", "arn:{p}:athena:{r}:111111111111:workgroup/w"),
    "aws.wafv2": (
        {"Id": "1", "Name": "w", "ARN": "arn:{p}:wafv2:{r}:111111111111:regional/webacl/w/1"},
        "1", "arn:{p}:wafv2:{r}:111111111111:regional/webacl/w/1"),
    "aws.hostedzone": (
        {"Id": "/hostedzone/Z1", "Name": "example.com."},
        "/hostedzone/Z1", "arn:{p}:route53:::hostedzone/Z1"),
    "aws.ses-configuration-set-v2": (
        {"ConfigurationSetName": "c"},
        "c", "arn:{p}:ses:{r}:111111111111:configuration-set/c"),
    "aws.apigwv2": (
        {"ApiId": "a1", "Name": "n"},
        "a1", "arn:{p}:apigateway:{r}::/apis/a1"),
    "aws.ssm-document": ({"Name": "d"}, "d", "arn:{p}:ssm:{r}:111111111111:document/d"),
    "aws.transfer-connector": (
        {"ConnectorId": "c-1", "Arn": "arn:{p}:transfer:{r}:111111111111:connector/c-1"},
        "c-1", "arn:{p}:transfer:{r}:111111111111:connector/c-1"),
    "aws.transfer-server": (
        {"ServerId": "s-1", "Arn": "arn:{p}:transfer:{r}:111111111111:server/s-1"},
        "s-1", "arn:{p}:transfer:{r}:111111111111:server/s-1"),
    "aws.rds-cluster": (
        {"DBClusterIdentifier": "c", "DBClusterArn": "arn:{p}:rds:{r}:111111111111:cluster:c"},
        "c", "arn:{p}:rds:{r}:111111111111:cluster:c"),
    "aws.elasticsearch": (
        {"DomainName": "d", "ARN": "arn:{p}:es:{r}:111111111111:domain/d"},
        "d", "arn:{p}:es:{r}:111111111111:domain/d"),
    "aws.rds-global-cluster": (
        {"GlobalClusterIdentifier": "g", "GlobalClusterArn": "arn:{p}:rds::111111111111:global-cluster:g"},
        "g", "arn:{p}:rds::111111111111:global-cluster:g"),
    "aws.dax": (
        {"ClusterName": "d", "ClusterArn": "arn:{p}:dax:{r}:111111111111:cache/d"},
        "d", "arn:{p}:dax:{r}:111111111111:cache/d"),
    "aws.dms-endpoint": (
        {"EndpointIdentifier": "e", "EndpointArn": "arn:{p}:dms:{r}:111111111111:endpoint:ABC"},
        "arn:{p}:dms:{r}:111111111111:endpoint:ABC", "arn:{p}:dms:{r}:111111111111:endpoint:ABC"),
    "aws.dms-replication-task": (
        {"ReplicationTaskIdentifier": "t", "ReplicationTaskArn": "arn:{p}:dms:{r}:111111111111:task:ABC"},
        "arn:{p}:dms:{r}:111111111111:task:ABC", "arn:{p}:dms:{r}:111111111111:task:ABC"),
    "aws.fsx": (
        {"FileSystemId": "fs-1", "ResourceARN": "arn:{p}:fsx:{r}:111111111111:file-system/fs-1"},
        "fs-1", "arn:{p}:fsx:{r}:111111111111:file-system/fs-1"),
    "aws.kafka": (
        {"ClusterName": "k", "ClusterArn": "arn:{p}:kafka:{r}:111111111111:cluster/k/1-2"},
        "arn:{p}:kafka:{r}:111111111111:cluster/k/1-2", "arn:{p}:kafka:{r}:111111111111:cluster/k/1-2"),
    "aws.kinesis": (
        {"StreamName": "s", "StreamARN": "arn:{p}:kinesis:{r}:111111111111:stream/s"},
        "s", "arn:{p}:kinesis:{r}:111111111111:stream/s"),
    "aws.firehose": (
        {"DeliveryStreamName": "s", "DeliveryStreamARN": "arn:{p}:firehose:{r}:111111111111:deliverystream/s"},
        "s", "arn:{p}:firehose:{r}:111111111111:deliverystream/s"),
    "aws.message-broker": (
        {"BrokerId": "b-1", "BrokerArn": "arn:{p}:mq:{r}:111111111111:broker:b:b-1"},
        "b-1", "arn:{p}:mq:{r}:111111111111:broker:b:b-1"),
    "aws.rds-proxy": (
        {"DBProxyName": "p", "DBProxyArn": "arn:{p}:rds:{r}:111111111111:db-proxy:prx-1"},
        "p", "arn:{p}:rds:{r}:111111111111:db-proxy:prx-1"),
    "aws.rds-subscription": (
        {"CustSubscriptionId": "s", "EventSubscriptionArn": "arn:{p}:rds:{r}:111111111111:es:s"},
        "s", "arn:{p}:rds:{r}:111111111111:es:s"),
    "aws.vpc": ({"VpcId": "vpc-1"}, "vpc-1", "arn:{p}:ec2:{r}:111111111111:vpc/vpc-1"),
    "aws.vpn-connection": (
        {"VpnConnectionId": "vpn-1"}, "vpn-1", "arn:{p}:ec2:{r}:111111111111:vpn-connection/vpn-1"),
    "aws.s3-access-point-multi": (
        {"Name": "n", "Alias": "a.mrap"}, "n", "arn:{p}:s3::111111111111:accesspoint/a.mrap"),
    "aws.backup-vault": (
        {"BackupVaultName": "v", "BackupVaultArn": "arn:{p}:backup:{r}:111111111111:backup-vault:v"},
        "v", "arn:{p}:backup:{r}:111111111111:backup-vault:v"),
    "aws.client-vpn-endpoint": (
        {"ClientVpnEndpointId": "cvpn-endpoint-1"},
        "cvpn-endpoint-1", "arn:{p}:ec2:{r}:111111111111:client-vpn-endpoint/cvpn-endpoint-1"),
    "aws.connect-instance": (
        {"Id": "i-1", "InstanceAlias": "a", "Arn": "arn:{p}:connect:{r}:111111111111:instance/i-1"},
        "i-1", "arn:{p}:connect:{r}:111111111111:instance/i-1"),
    "aws.ec2-spot-fleet-request": (
        {"SpotFleetRequestId": "sfr-1"}, "sfr-1", "arn:{p}:ec2:{r}:111111111111:spot-fleet-request/sfr-1"),
    "aws.log-group": (
        {"logGroupName": "g", "arn": "arn:{p}:logs:{r}:111111111111:log-group:g:*"},
        "g", "arn:{p}:logs:{r}:111111111111:log-group:g"),
    "aws.workspaces": (
        {"WorkspaceId": "ws-1"}, "ws-1", "arn:{p}:workspaces:{r}:111111111111:workspace/ws-1"),
}
WITHOUT_ARN = {"aws.config-recorder", "aws.emr-security-configuration"}
"""Types of which c7n knows no ARN."""
PLACES = (("aws", "eu-west-1"), ("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1"))
WELL_FORMED = re.compile(r"arn:aws(-cn|-us-gov)?:[a-z0-9-]+:[a-z0-9-]*:(\d{12})?:\S+")


def there(value: Any, partition: str, region: str) -> Any:
    return json.loads(json.dumps(value).replace("{p}", partition).replace("{r}", region))


def test_every_type_that_a_policy_uses_is_known() -> None:
    assert {policy.resource for policy in load()} == KNOWN.keys() | WITHOUT_ARN


@pytest.mark.parametrize(("partition", "region"), PLACES)
@pytest.mark.parametrize("resource_type", sorted(KNOWN))
def test_its_arn_and_id(resource_type: str, partition: str, region: str) -> None:
    resource, name, arn = there(KNOWN[resource_type], partition, region)
    made = resource_arn(resource, resource_type, ME, region)
    assert made == arn
    assert WELL_FORMED.fullmatch(made)
    assert resource_id(resource, resource_type) == name
    assert resource_arn(resource, resource_class(resource_type), ME, region) == made, "c7n's class does as well"


@pytest.mark.parametrize(("resource_type", "resource", "arn"), [
    ("aws.apigwv2", {"ApiId": "a"}, "arn:aws:apigateway:eu-west-1::/apis/a"),
    ("aws.appmesh-virtualnode", {"metadata": {"arn": "arn:aws:appmesh:eu-west-1:1:mesh/m/virtualNode/n"}},
     "arn:aws:appmesh:eu-west-1:1:mesh/m/virtualNode/n"),
    ("aws.codepipeline", {"name": "p"}, "arn:aws:codepipeline:eu-west-1:111111111111:p"),
    ("aws.distribution", {"Id": "E1", "ARN": "arn:aws:cloudfront::111111111111:distribution/E1"},
     "arn:aws:cloudfront::111111111111:distribution/E1"),
    ("aws.hostedzone", {"Id": "/hostedzone/Z1"}, "arn:aws:route53:::hostedzone/Z1"),
    ("aws.log-group", {"logGroupName": "g", "arn": "arn:aws:logs:eu-west-1:111111111111:log-group:g:*"},
     "arn:aws:logs:eu-west-1:111111111111:log-group:g"),
    ("aws.transit-attachment", {"TransitGatewayAttachmentId": "tgw-attach-1"},
     "arn:aws:ec2:eu-west-1:111111111111:transit-gateway-attachment/tgw-attach-1"),
    # AWS has none for these, and we invent none.
    ("aws.config-recorder", {"name": "default"}, ""),
    ("aws.emr-security-configuration", {"Name": "s"}, ""),
    ("aws.log-metric", {"filterName": "f", "logGroupName": "g"}, ""),
    ("aws.efs-mount-target", {"MountTargetId": "fsmt-1"}, ""),
    # A field that the form needs is not there.
    ("aws.rest-stage", {"deploymentId": "d1", "stageName": "prod"}, ""),
])
def test_types_that_a_team_may_add(resource_type: str, resource: dict[str, Any], arn: str) -> None:
    assert resource_arn(resource, resource_type, ME, "eu-west-1") == arn
