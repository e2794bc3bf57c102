{{/* What no schema can say: values that contradict each other. Included by settings.yaml, so that nothing is rendered before. */}}
{{- define "keepsight.checks" -}}
{{- $values := .Values -}}
{{- if and $values.log.embedded $values.log.brokers -}}
{{- fail "log.embedded is true beside log.brokers: take one away" -}}
{{- end -}}
{{- if and (not $values.log.embedded) (not $values.log.brokers) -}}
{{- fail "log.brokers is empty: name the Kafka brokers, as [kafka-0.kafka:9092], or set log.embedded for one node without Kafka" -}}
{{- end -}}
{{- if and $values.log.embedded (gt (int $values.serving.replicas) 1) -}}
{{- fail (printf "serving.replicas is %d, and the embedded log is for one node: set serving.replicas to 1, or name Kafka in log.brokers" (int $values.serving.replicas)) -}}
{{- end -}}
{{- if and $values.log.embedded $values.serving.autoscaling.enabled -}}
{{- fail "serving.autoscaling is enabled, and the embedded log is for one node: take one away" -}}
{{- end -}}
{{- range $section := list "serving" "monitor" "retrain" -}}
{{- if and $values.log.sasl.serviceSecrets (not $values.log.sasl.existingSecret) (not (index $values.log.sasl.serviceSecrets $section)) -}}
{{- fail (printf "log.sasl.serviceSecrets names no Secret for %s, and log.sasl.existingSecret, which would be its own, is empty" $section) -}}
{{- end -}}
{{- end -}}
{{- range $section := list "monitor" "retrain" -}}
{{- $replicas := int (index $values $section).replicas -}}
{{- if and (gt $replicas 1) (not $values.postgres.existingSecret) -}}
{{- fail (printf "%s.replicas is %d: several share their state in PostgreSQL; set postgres.existingSecret, or %s.replicas to 1 (docs/replicas.md)" $section $replicas $section) -}}
{{- end -}}
{{- end -}}
{{- range $section := list "serving" "monitor" -}}
{{- $own := index $values $section -}}
{{- $asks := or $own.keys.existingSecret (and (eq $section "serving") $values.serving.tls.existingSecret $values.serving.tls.clients) -}}
{{- if and $asks $own.open -}}
{{- fail (printf "%s.open is true beside keys or client certificates: take one away" $section) -}}
{{- end -}}
{{- if not (or $asks $own.open) -}}
{{- fail (printf "%s asks nobody who he is: name the Secret with its keys file in %s.keys.existingSecret (`keepsight key new` prints a line of it), or set %s.open if the network lets in whom it should" $section $section $section) -}}
{{- end -}}
{{- end -}}
{{- if and $values.serving.tls.clients (not $values.serving.tls.existingSecret) -}}
{{- fail "serving.tls.clients needs serving.tls.existingSecret: there are no client certificates without TLS" -}}
{{- end -}}
{{- with $values.serving -}}
{{- $drain := dig "drain_s" 10 .settings -}}
{{- $needed := addf .stopDelaySeconds 30 10 $drain 10 -}}
{{- if le (float64 .terminationGracePeriodSeconds) $needed -}}
{{- fail (printf "serving.terminationGracePeriodSeconds is %v, and a server may take %v s to stop: stopDelaySeconds %v, 30 for requests under way, 10 for stored frames, drain_s %v and a publish of 10; after that it is killed" .terminationGracePeriodSeconds $needed .stopDelaySeconds $drain) -}}
{{- end -}}
{{- end -}}
{{- with $values.retrain -}}
{{- $grace := dig "stop_grace_s" 10 .settings -}}
{{- if le (float64 .terminationGracePeriodSeconds) (addf $grace 5) -}}
{{- fail (printf "retrain.terminationGracePeriodSeconds is %v, and its training process alone may take stop_grace_s, %v, and 5 s more to end: raise it" .terminationGracePeriodSeconds $grace) -}}
{{- end -}}
{{- end -}}
{{- if and $values.monitor.ingress.enabled (not $values.monitor.keys.existingSecret) -}}
{{- fail "monitor.ingress is enabled and the console asks nobody for a key: set monitor.keys.existingSecret" -}}
{{- end -}}
{{- with $values.serving.autoscaling -}}
{{- if and .enabled (lt (int .maxReplicas) (int .minReplicas)) -}}
{{- fail (printf "serving.autoscaling.maxReplicas is %d, below minReplicas %d" (int .maxReplicas) (int .minReplicas)) -}}
{{- end -}}
{{- if and .enabled (eq .by "keda") (gt (.queueDepth | default 0 | int) 0) (not .prometheus) -}}
{{- fail "serving.autoscaling scales on the queue's depth, which KEDA reads in Prometheus: set serving.autoscaling.prometheus, as http://prometheus.monitoring:9090, or queueDepth to 0" -}}
{{- end -}}
{{- end -}}
{{- if and $values.retrain.jobs.enabled $values.retrain.jobs.gpus (not $values.retrain.jobs.image) (or $values.retrain.image.digest $values.retrain.image.name) -}}
{{- fail "retrain.image names one image, and Jobs with GPUs need its CUDA build: name that in retrain.jobs.image" -}}
{{- end -}}
{{- if and $values.retrain.gpu.enabled $values.retrain.jobs.enabled -}}
{{- fail "retrain.gpu is for training in the service's own pod; with retrain.jobs.enabled set retrain.jobs.gpus" -}}
{{- end -}}
{{- end -}}
