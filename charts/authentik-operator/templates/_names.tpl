{{/* The release's name, with the chart's unless it says that already. */}}
{{- define "authentik-operator.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{- define "authentik-operator.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "authentik-operator.fullname" .) }}
{{- else -}}
{{ required "serviceAccount.name is required when serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end -}}
{{- end -}}

{{/* What tells this release's Pods from others. A Deployment's selector cannot change. */}}
{{- define "authentik-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "authentik-operator.labels" -}}
{{ include "authentik-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{/* The kinds, as a list of their plurals with a suffix: what the chart has definitions of. */}}
{{- define "authentik-operator.plurals" -}}
{{- range $path, $_ := .root.Files.Glob "files/crds/*.yaml" }}
- {{ base $path | trimSuffix ".yaml" }}{{ $.suffix }}
{{- end }}
{{- end -}}
