# The nightly job: audit, doctor, and the mail about both. Runs in the unpacked repository of the team.
set +e -u
# Not in the repository: what it contains must not be taken for the result of this night.
result=$(mktemp -d)
guardrails audit -c "$ACCOUNTS" -o "$result/audit" --history "s3://$BUCKET/history.db"
doctor=()
if [ -n "$DOCTOR_ACCOUNTS" ]; then
  guardrails doctor -c "$DOCTOR_ACCOUNTS" --json >"$result/doctor.json"
  doctor=(--doctor "$result/doctor.json")
fi
tables=()
if [ "${PARQUET:-false}" = true ]; then tables=(--parquet "s3://$BUCKET/parquet"); fi
# Findings and an incomplete audit are in the mail. An audit without a report fails here, and with it the job.
guardrails publish "$result/audit" --to "s3://$BUCKET/reports" --topic "$TOPIC" ${doctor[@]+"${doctor[@]}"} ${tables[@]+"${tables[@]}"}
