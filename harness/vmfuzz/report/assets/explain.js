document.querySelector(".top").append(themeButton());
new Explorer(document.getElementById("explorer"), dataOf("film"), { isAlone: true });
