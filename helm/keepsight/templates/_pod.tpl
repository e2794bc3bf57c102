{{/* What the pods of the three services have in common. */}}

{{/* Pod Security Standard "restricted"; the user is the images' own. */}}
{{- define "keepsight.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "keepsight.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* (list . "serving"): variables. OpenMP's threads would spin beside those that each service sets for itself. */}}
{{- define "keepsight.env" -}}
- {name: KEEPSIGHT_SETTINGS, value: /etc/keepsight/settings/keepsight.toml}
- {name: KEEPSIGHT_SECRETS_DIR, value: /run/secrets/keepsight}
- {name: OMP_NUM_THREADS, value: "1"}
- {name: HOME, value: /tmp}
{{- end -}}

{{/* The files of secrets that a service reads as settings: (list . "serving") gives the sources of a projected volume, or nothing. */}}
{{- define "keepsight.secretSources" -}}
{{- $values := (index . 0).Values -}}{{- $section := index . 1 -}}
{{- $sasl := default $values.log.sasl.existingSecret (index $values.log.sasl.serviceSecrets $section) -}}
{{- if $sasl }}
- secret:
    name: {{ $sasl }}
    items:
      - {key: {{ $values.log.sasl.usernameKey }}, path: kafka_username}
      - {key: {{ $values.log.sasl.passwordKey }}, path: kafka_password}
{{- end }}
{{- if and $values.postgres.existingSecret (ne $section "serving") }}
- secret:
    name: {{ $values.postgres.existingSecret }}
    items:
      - {key: {{ $values.postgres.urlKey }}, path: state_url}
      {{- with $values.postgres.passwordKey }}
      - {key: {{ . }}, path: state_password}
      {{- end }}
{{- end }}
{{- if and (eq $section "retrain") $values.retrain.mlflowTokenSecret }}
- secret:
    name: {{ $values.retrain.mlflowTokenSecret }}
    items:
      - {key: token, path: mlflow_token}
{{- end }}
{{- end -}}

{{/* Secrets that are mounted as they are: name, Secret, folder under /etc/keepsight, as a list in JSON. */}}
{{- define "keepsight.secretFolders" -}}
{{- $values := (index . 0).Values -}}{{- $section := index . 1 -}}{{- $own := index $values $section -}}
{{- $folders := list -}}
{{- with $values.log.tls.caSecret -}}{{- $folders = append $folders (dict "name" "kafka-ca" "secret" .) -}}{{- end -}}
{{- with $values.log.tls.clientSecret -}}{{- $folders = append $folders (dict "name" "kafka-client" "secret" .) -}}{{- end -}}
{{- if ne $section "retrain" -}}
{{- with $own.keys.existingSecret -}}{{- $folders = append $folders (dict "name" "keys" "secret" .) -}}{{- end -}}
{{- end -}}
{{- if eq $section "serving" -}}
{{- with $own.tls.existingSecret -}}{{- $folders = append $folders (dict "name" "tls" "secret" .) -}}{{- end -}}
{{- end -}}
{{- toJson $folders -}}
{{- end -}}

{{/* (list . "retrain"): "true" where several GPUs train together in the pod. NCCL lays what they exchange in /dev/shm, of which a container has 64 MiB. */}}
{{- define "keepsight.trainsTogether" -}}
{{- $own := index (index . 0).Values (index . 1) -}}
{{- if and (eq (index . 1) "retrain") $own.gpu.enabled (gt (int $own.gpu.count) 1) -}}true{{- end -}}
{{- end -}}

{{- define "keepsight.mounts" -}}
{{- $root := index . 0 -}}
- {name: settings, mountPath: /etc/keepsight/settings, readOnly: true}
- {name: state, mountPath: /var/lib/keepsight/state}
- {name: tmp, mountPath: /tmp}
{{- if include "keepsight.trainsTogether" . }}
- {name: memory, mountPath: /dev/shm}
{{- end }}
{{- if eq "true" (include "keepsight.shares" $root) }}
- {name: shared, mountPath: /var/lib/keepsight/shared}
{{- end }}
{{- if include "keepsight.secretSources" . }}
- {name: secrets, mountPath: /run/secrets/keepsight, readOnly: true}
{{- end }}
{{- range include "keepsight.secretFolders" . | fromJsonArray }}
- {name: {{ .name }}, mountPath: /etc/keepsight/{{ .name }}, readOnly: true}
{{- end }}
{{- end -}}

{{- define "keepsight.volumes" -}}
{{- $root := index . 0 -}}{{- $section := index . 1 -}}{{- $own := index $root.Values $section -}}
- name: settings
  configMap: {name: {{ include "keepsight.fullname" $root }}-{{ $section }}}
- name: tmp
  emptyDir: {sizeLimit: {{ $own.tmpSize }}}
{{- if include "keepsight.trainsTogether" . }}
- name: memory
  emptyDir: {medium: Memory, sizeLimit: 1Gi}
{{- end }}
{{- if not $own.state.persistent }}
- name: state
  emptyDir: {sizeLimit: {{ $own.state.size }}}
{{- end }}
{{- if eq "true" (include "keepsight.shares" $root) }}
- name: shared
  persistentVolumeClaim: {claimName: {{ include "keepsight.sharedClaim" $root }}}
{{- end }}
{{- with include "keepsight.secretSources" . }}
- name: secrets
  projected:
    defaultMode: 0440
    sources: {{- . | indent 6 }}
{{- end }}
{{- range include "keepsight.secretFolders" . | fromJsonArray }}
- name: {{ .name }}
  secret: {secretName: {{ .secret }}, defaultMode: 0440}
{{- end }}
{{- end -}}

{{/* One node for all where they share the embedded log's files; a pod that is the first of its kind may go anywhere. */}}
{{- define "keepsight.affinity" -}}
{{- $root := index . 0 -}}{{- $own := index $root.Values (index . 1) -}}
{{- $affinity := $own.affinity | deepCopy -}}
{{- if $root.Values.log.embedded -}}
{{- $together := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels"
      (dict "app.kubernetes.io/name" "keepsight" "app.kubernetes.io/instance" $root.Release.Name)) -}}
{{- $affinity = merge (dict "podAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" (list $together))) $affinity -}}
{{- end -}}
{{- with $affinity }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{/* (list . "serving"): resources, with the GPUs that it asks for. */}}
{{- define "keepsight.resources" -}}
{{- $own := index (index . 0).Values (index . 1) -}}
{{- $resources := $own.resources | deepCopy -}}
{{- if (dig "gpu" "enabled" false $own) -}}
{{- $_ := set $resources "limits" (merge (dict $own.gpu.resource (int $own.gpu.count)) (default dict $resources.limits)) -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end -}}

{{- define "keepsight.tolerations" -}}
{{- $own := index (index . 0).Values (index . 1) -}}
{{- $tolerations := $own.tolerations -}}
{{- if (dig "gpu" "enabled" false $own) -}}
{{- $tolerations = append $tolerations (dict "key" $own.gpu.resource "operator" "Exists" "effect" "NoSchedule") -}}
{{- end -}}
{{- with $tolerations }}{{ toYaml . }}{{ end -}}
{{- end -}}
