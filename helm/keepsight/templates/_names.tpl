{{/* Names and labels. */}}
{{- define "keepsight.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects the pods of a component: (list . "serving"). Never changes over the life of a release. */}}
{{- define "keepsight.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: keepsight
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "keepsight.labels" -}}
{{- $root := index . 0 -}}
{{ include "keepsight.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* The image of a component: (list . "serving" "-cuda" or ""). A digest wins over the tag. */}}
{{- define "keepsight.image" -}}
{{- $root := index . 0 -}}{{- $own := (index $root.Values (index . 1)).image -}}
{{- $name := default (printf "keepsight-%s%s" (index . 1) (index . 2)) $own.name -}}
{{- with $root.Values.image.registry -}}{{- . -}}/{{- end -}}
{{- $name -}}
{{- if $own.digest -}}@{{ $own.digest }}{{- else -}}:{{ default $root.Values.image.tag $own.tag | default $root.Chart.AppVersion }}{{- end -}}
{{- end -}}

{{- define "keepsight.accountOf" -}}
{{- $root := index . 0 -}}
{{- default (printf "%s-%s" (include "keepsight.fullname" $root) (index . 1)) (index $root.Values.serviceAccounts (index . 1)).name -}}
{{- end -}}

{{/* "true" where stores, or the folders of training jobs, lie on one volume that several pods mount. */}}
{{- define "keepsight.shares" -}}
{{- if or (not .Values.stores.repository) (not .Values.stores.frames) .Values.retrain.jobs.enabled .Values.log.embedded -}}true{{- end -}}
{{- end -}}

{{- define "keepsight.sharedClaim" -}}
{{- default (printf "%s-shared" (include "keepsight.fullname" .)) .Values.sharedVolume.existingClaim -}}
{{- end -}}
