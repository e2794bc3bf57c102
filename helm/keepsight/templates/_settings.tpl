{{/* The settings file of a service: (list . "serving"). What the chart decides goes before values of `settings`, which cannot repeat it (values.schema.json). */}}
{{- define "keepsight.settings" -}}
{{- $root := index . 0 -}}{{- $section := index . 1 -}}
{{- $shared := dict -}}{{- $own := dict -}}
{{- include "keepsight.decideShared" (list $root $shared) -}}
{{- include "keepsight.decideOwn" (list $root $section $own) -}}
{{- if eq $section "serving" }}{{ include "keepsight.decideServing" (list $root $own) }}{{ end -}}
{{- if eq $section "retrain" }}{{ include "keepsight.decideRetrain" (list $root $own) }}{{ end -}}
{{- range $key, $value := merge $shared $root.Values.settings }}
{{ $key }} = {{ include "keepsight.toml" $value }}
{{- end }}

[{{ $section }}]
{{- range $key, $value := merge $own (index $root.Values $section).settings }}
{{ $key }} = {{ include "keepsight.toml" $value }}
{{- end }}
{{- if eq $section "serving" }}
{{- range $name, $camera := $root.Values.serving.cameras }}

[serving.cameras.{{ toJson $name }}]
{{- range $key, $value := $camera }}
{{ $key }} = {{ include "keepsight.toml" $value }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The templates below put what they decide into the table that they are given, and say nothing. */}}

{{/* (list . TABLE): where log, stores and folders are. */}}
{{- define "keepsight.decideShared" -}}
{{- $values := (index . 0).Values -}}{{- $table := index . 1 -}}
{{- $home := "/var/lib/keepsight" -}}
{{- $_ := set $table "model" $values.model -}}
{{- $_ := set $table "state" (printf "%s/state" $home) -}}
{{- $_ := set $table "repository" (default (printf "%s/shared/repository" $home) $values.stores.repository) -}}
{{- $_ := set $table "frame_store" (default (printf "%s/shared/frames" $home) $values.stores.frames) -}}
{{- /* Folders of jobs that train in the service's own pod are of one host alone. */ -}}
{{- if and (include "keepsight.shares" (index . 0)) (or $values.retrain.jobs.enabled (eq 1 (int $values.retrain.replicas))) -}}
{{- $_ := set $table "jobs" (printf "%s/shared/jobs" $home) -}}
{{- end -}}
{{- if $values.log.embedded -}}
{{- $_ := set $table "log" (printf "embedded://%s/shared/log" $home) -}}
{{- else -}}
{{- $_ := set $table "log" (printf "kafka://%s%s" (join "," $values.log.brokers) (ternary "" (printf "/%s" $values.log.prefix) (empty $values.log.prefix))) -}}
{{- if $values.log.tls.enabled }}{{ $_ := set $table "kafka_tls" true }}{{ end -}}
{{- if $values.log.tls.caSecret }}{{ $_ := set $table "kafka_ca_file" "/etc/keepsight/kafka-ca/ca.crt" }}{{ end -}}
{{- if $values.log.tls.clientSecret -}}
{{- $_ := set $table "kafka_cert_file" "/etc/keepsight/kafka-client/tls.crt" -}}
{{- $_ := set $table "kafka_key_file" "/etc/keepsight/kafka-client/tls.key" -}}
{{- end -}}
{{- if or $values.log.sasl.existingSecret $values.log.sasl.serviceSecrets }}{{ $_ := set $table "kafka_mechanism" $values.log.sasl.mechanism }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* (list . "serving" TABLE): where it listens, and who may ask. */}}
{{- define "keepsight.decideOwn" -}}
{{- $section := index . 1 -}}{{- $table := index . 2 -}}{{- $own := index (index . 0).Values $section -}}
{{- $_ := set $table "host" "0.0.0.0" -}}
{{- $_ := set $table "port" (index (dict "serving" 8080 "monitor" 8081 "retrain" 8082) $section) -}}
{{- if ne $section "retrain" -}}
{{- $_ := set $table "health_host" "0.0.0.0" -}}
{{- $_ := set $table "health_port" (index (dict "serving" 9080 "monitor" 9081) $section) -}}
{{- if $own.keys.existingSecret }}{{ $_ := set $table "keys_file" (printf "/etc/keepsight/keys/%s" $own.keys.key) }}{{ end -}}
{{- if $own.open }}{{ $_ := set $table "open" true }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* (list . TABLE): TLS, GPUs, and how it stops. */}}
{{- define "keepsight.decideServing" -}}
{{- $own := (index . 0).Values.serving -}}{{- $table := index . 1 -}}
{{- $_ := set $table "stop_delay_s" $own.stopDelaySeconds -}}
{{- if $own.tls.existingSecret -}}
{{- $_ := set $table "tls_cert_file" "/etc/keepsight/tls/tls.crt" -}}
{{- $_ := set $table "tls_key_file" "/etc/keepsight/tls/tls.key" -}}
{{- if $own.tls.clients }}{{ $_ := set $table "tls_client_ca_file" "/etc/keepsight/tls/ca.crt" }}{{ end -}}
{{- end -}}
{{- if $own.gpu.enabled -}}
{{- $_ := set $table "provider" $own.gpu.provider -}}
{{- $devices := list -}}{{- range $number := until (int $own.gpu.count) }}{{ $devices = append $devices $number }}{{ end -}}
{{- $_ := set $table "devices" $devices -}}
{{- end -}}
{{- end -}}

{{/* (list . TABLE): where it trains. */}}
{{- define "keepsight.decideRetrain" -}}
{{- $root := index . 0 -}}{{- $table := index . 1 -}}{{- $own := $root.Values.retrain -}}{{- $jobs := $own.jobs -}}
{{- if $own.gpu.enabled }}{{ $_ := set $table "devices" (int $own.gpu.count) }}{{ end -}}
{{- if $jobs.enabled -}}
{{- $resources := deepCopy $jobs.resources -}}
{{- $build := "" -}}
{{- if $jobs.gpus -}}
{{- $build = "-cuda" -}}
{{- $_ := set $table "devices" (int $jobs.gpus) -}}
{{- $_ := set $resources "nvidia.com/gpu" (toString (int $jobs.gpus)) -}}
{{- end -}}
{{- $_ := set $table "launcher" "kubernetes" -}}
{{- $_ := set $table "kubernetes_namespace" $root.Release.Namespace -}}
{{- $_ := set $table "kubernetes_image" (default (include "keepsight.image" (list $root "retrain" $build)) $jobs.image) -}}
{{- $_ := set $table "kubernetes_volume" (include "keepsight.sharedClaim" $root) -}}
{{- $_ := set $table "kubernetes_mount" "/var/lib/keepsight/shared" -}}
{{- $_ := set $table "kubernetes_resources" $resources -}}
{{- $_ := set $table "kubernetes_service_account" (include "keepsight.accountOf" (list $root "training")) -}}
{{- if $jobs.nodeSelector }}{{ $_ := set $table "kubernetes_node_selector" $jobs.nodeSelector }}{{ end -}}
{{- if $jobs.tolerations }}{{ $_ := set $table "kubernetes_tolerations" $jobs.tolerations }}{{ end -}}
{{- if $jobs.runtimeClassName }}{{ $_ := set $table "kubernetes_runtime_class" $jobs.runtimeClassName }}{{ end -}}
{{- if $root.Values.stores.existingSecret }}{{ $_ := set $table "kubernetes_secret" $root.Values.stores.existingSecret }}{{ end -}}
{{- end -}}
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
