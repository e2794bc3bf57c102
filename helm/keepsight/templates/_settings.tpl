{{/* The settings file of a service: (list . "serving"). What the chart decides stands here; values of `settings` come after it and cannot repeat it. */}}
{{- define "keepsight.settings" -}}
{{- $root := index . 0 -}}{{- $section := index . 1 -}}{{- $values := $root.Values -}}
{{- $own := index $values $section -}}
{{- $home := "/var/lib/keepsight" -}}{{- $shared := printf "%s/shared" $home -}}
{{- $top := dict "model" $values.model "state" (printf "%s/state" $home)
      "repository" (default (printf "%s/repository" $shared) $values.stores.repository)
      "frame_store" (default (printf "%s/frames" $shared) $values.stores.frames) -}}
{{- if $values.log.embedded -}}
{{- $_ := set $top "log" (printf "embedded://%s/log" $shared) -}}
{{- else -}}
{{- $prefix := ternary (printf "/%s" $values.log.prefix) "" (ne $values.log.prefix "") -}}
{{- $_ := set $top "log" (printf "kafka://%s%s" (join "," $values.log.brokers) $prefix) -}}
{{- if $values.log.tls.enabled -}}{{- $_ := set $top "kafka_tls" true -}}{{- end -}}
{{- if $values.log.tls.caSecret -}}{{- $_ := set $top "kafka_ca_file" "/etc/keepsight/kafka-ca/ca.crt" -}}{{- end -}}
{{- if $values.log.tls.clientSecret -}}
{{- $_ := set $top "kafka_cert_file" "/etc/keepsight/kafka-client/tls.crt" -}}
{{- $_ := set $top "kafka_key_file" "/etc/keepsight/kafka-client/tls.key" -}}
{{- end -}}
{{- if $values.log.sasl.existingSecret -}}{{- $_ := set $top "kafka_mechanism" $values.log.sasl.mechanism -}}{{- end -}}
{{- end -}}
{{- /* Folders of jobs that train in the service's own pod are of one host alone. */ -}}
{{- if and (eq "true" (include "keepsight.shares" $root)) (or $values.retrain.jobs.enabled (eq 1 (int $values.retrain.replicas))) -}}{{- $_ := set $top "jobs" (printf "%s/jobs" $shared) -}}{{- end -}}
{{- $part := dict "host" "0.0.0.0" "port" (index (dict "serving" 8080 "monitor" 8081 "retrain" 8082) $section) -}}
{{- if ne $section "retrain" -}}
{{- $_ := set $part "health_host" "0.0.0.0" -}}
{{- $_ := set $part "health_port" (index (dict "serving" 9080 "monitor" 9081) $section) -}}
{{- if $own.keys.existingSecret -}}{{- $_ := set $part "keys_file" (printf "/etc/keepsight/keys/%s" $own.keys.key) -}}{{- end -}}
{{- if $own.open -}}{{- $_ := set $part "open" true -}}{{- end -}}
{{- end -}}
{{- if eq $section "serving" -}}
{{- if $own.tls.existingSecret -}}
{{- $_ := set $part "tls_cert_file" "/etc/keepsight/tls/tls.crt" -}}
{{- $_ := set $part "tls_key_file" "/etc/keepsight/tls/tls.key" -}}
{{- if $own.tls.clients -}}{{- $_ := set $part "tls_client_ca_file" "/etc/keepsight/tls/ca.crt" -}}{{- end -}}
{{- end -}}
{{- if $own.gpu.enabled -}}
{{- $_ := set $part "provider" $own.gpu.provider -}}
{{- $devices := list -}}{{- range $number := until (int $own.gpu.count) -}}{{- $devices = append $devices $number -}}{{- end -}}
{{- $_ := set $part "devices" $devices -}}
{{- end -}}
{{- $_ := set $part "stop_delay_s" $own.stopDelaySeconds -}}
{{- $_ := set $part "cameras" $own.cameras -}}
{{- end -}}
{{- if and (eq $section "retrain") $own.gpu.enabled -}}{{- $_ := set $part "devices" (int $own.gpu.count) -}}{{- end -}}
{{- if and (eq $section "retrain") $own.jobs.enabled -}}
{{- $jobs := $own.jobs -}}
{{- $resources := $jobs.resources | deepCopy -}}
{{- if gt (int $jobs.gpus) 0 -}}{{- $_ := set $resources "nvidia.com/gpu" (toString (int $jobs.gpus)) -}}{{- $_ := set $part "devices" (int $jobs.gpus) -}}{{- end -}}
{{- $part = merge $part (dict "launcher" "kubernetes" "kubernetes_namespace" $root.Release.Namespace
      "kubernetes_image" (default (include "keepsight.image" (list $root "retrain" (ternary "-cuda" "" (gt (int $jobs.gpus) 0)))) $jobs.image)
      "kubernetes_volume" (include "keepsight.sharedClaim" $root) "kubernetes_mount" $shared "kubernetes_resources" $resources
      "kubernetes_service_account" (include "keepsight.accountOf" (list $root "training"))) -}}
{{- with $jobs.nodeSelector -}}{{- $_ := set $part "kubernetes_node_selector" . -}}{{- end -}}
{{- with $values.stores.existingSecret -}}{{- $_ := set $part "kubernetes_secret" . -}}{{- end -}}
{{- end -}}
{{- range $key, $value := merge $top $values.settings }}
{{ $key }} = {{ include "keepsight.toml" $value }}
{{- end }}

[{{ $section }}]
{{- range $key, $value := omit (merge $part $own.settings) "cameras" }}
{{ $key }} = {{ include "keepsight.toml" $value }}
{{- end }}
{{- range $name, $camera := $part.cameras }}

[{{ $section }}.cameras.{{ toJson $name }}]
{{- range $key, $value := $camera }}
{{ $key }} = {{ include "keepsight.toml" $value }}
{{- end }}
{{- end }}
{{- end -}}

{{/* A value in TOML. Strings, numbers and truth are written there as in JSON. */}}
{{- define "keepsight.toml" -}}
{{- if kindIs "map" . -}}
{ {{- range $index, $key := keys . | sortAlpha }}{{ if $index }}, {{ end }}{{ toJson $key }} = {{ include "keepsight.toml" (get $ $key) }}{{ end -}} }
{{- else if kindIs "slice" . -}}
[{{ range $index, $value := . }}{{ if $index }}, {{ end }}{{ include "keepsight.toml" $value }}{{ end }}]
{{- else -}}
{{- toJson . -}}
{{- end -}}
{{- end -}}
