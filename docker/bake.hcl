# docker buildx bake -f docker/bake.hcl, with the variables below from the environment: REGISTRY=registry.example.org/vision/ TAG=0.1.0 …
variable "REGISTRY" { default = "" }
variable "TAG" { default = "0.1.0" }
variable "REVISION" { default = "unknown" }
variable "PYTHON_DIGEST" { default = "" }

group "default" {
  targets = ["serving", "monitor", "retrain", "serving-cuda", "retrain-cuda"]
}

target "image" {
  matrix = { name = ["serving", "monitor", "retrain", "serving-cuda", "retrain-cuda"] }
  name       = name
  context    = "."
  dockerfile = "docker/Dockerfile"
  target     = name
  tags       = ["${REGISTRY}keepsight-${name}:${TAG}"]
  args       = { PYTHON_DIGEST = PYTHON_DIGEST, VERSION = TAG, REVISION = REVISION }
}
