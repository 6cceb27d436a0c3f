# The nightly job: audit, doctor, and the mail about both. Runs in the unpacked repository of the team.
set +e -u
guardrails audit -c "$ACCOUNTS" -o output/audit --history "s3://$BUCKET/history.db"
doctor=()
if [ -n "$DOCTOR_ACCOUNTS" ]; then
  guardrails doctor -c "$DOCTOR_ACCOUNTS" --json >output/doctor.json
  doctor=(--doctor output/doctor.json)
fi
# Findings and an incomplete audit are in the mail. An audit without a report fails here, and with it the job.
guardrails publish output/audit --to "s3://$BUCKET/reports" --topic "$TOPIC" ${doctor[@]+"${doctor[@]}"}
