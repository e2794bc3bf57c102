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
