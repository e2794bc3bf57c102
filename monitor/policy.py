"""How strict the monitor is: every number that an operator may set, as plain values below the settings."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """See monitor/settings.py for what each number means and how to choose it."""

    block_frames: int = 64
    pages_per_camera_month: float = 1.0
    frames_per_second: float = 1.0
    confirm_blocks: int = 4
    lone_blocks: int = 12
    quiet_blocks: int = 6
    recovered_blocks: int = 30
    fault_frames: int = 12
    healthy_frames: int = 32
    silence_s: float = 120.0
    clock_skew_s: float = 60.0
    reminder_hours: float = 24.0
    away_days: float = 7.0
    false_alarm_days: float = 90.0
    label_tolerance: float = 0.02
    label_class_tolerance: float = 0.05
    label_arl: float = 6000.0
    labels_for_verdict: int = 20
    label_cross_check: bool = True
    label_frame_loss: float = 0.0
    burst_labels: int = 200
    burst_alpha: float = 0.01
    reports: bool = True
