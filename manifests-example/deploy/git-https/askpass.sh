#!/bin/sh
# git calls it with its question, such as "Username for 'https://git.example.com': ", and reads the answer (gitcredentials(7)).
case $1 in
    Username*) exec cat "${GIT_CREDENTIALS:-/etc/git-https}/username" ;;
    Password*) exec cat "${GIT_CREDENTIALS:-/etc/git-https}/password" ;;
    *) exit 1 ;;
esac
