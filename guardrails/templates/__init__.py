"""CloudFormation templates of what functions need around them: topics, queues, event rules, roles."""
