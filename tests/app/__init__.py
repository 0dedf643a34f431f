"""Tests of airpocket.app, through the console entry wherever there is one."""
